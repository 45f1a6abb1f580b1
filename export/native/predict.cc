/* Classifies an image with an exported SavedModel, without Python:

     ./predict exported/saved_model/1 digit.pgm

   The model takes float32 of one size, as exports do by default, the image is
   a binary PGM (one channel) or PPM (three) of that size with values to 255.
   Each output is a line: its name, its numbers. TensorFlow's library and its
   headers come inside the pip package. To build:

     TF=$(python -c 'import tensorflow as tf; print(tf.sysconfig.get_lib())')
     c++ -std=c++17 predict.cc -o predict -I"$TF/include" -L"$TF" \
       -Wl,-rpath,"$TF" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2
*/
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/core/protobuf/meta_graph.pb.h"

void check(bool right, const std::string& otherwise) {
  if (right) return;
  std::cerr << otherwise << std::endl;
  std::exit(1);
}

void check(TF_Status* status) {
  check(TF_GetCode(status) == TF_OK, TF_Message(status));
}

// A tensor is named by its operation and the number of the output: "name:0".
TF_Output find(TF_Graph* graph, const tensorflow::TensorInfo& info) {
  const size_t colon = info.name().find(':');
  const std::string operation = info.name().substr(0, colon);
  return {TF_GraphOperationByName(graph, operation.c_str()),
          std::stoi(info.name().substr(colon + 1))};
}

TF_Tensor* read_image(const char* path, const int64_t (&shape)[4]) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int width, height, largest;
  file >> kind >> width >> height >> largest;
  file.get();
  check(file && kind == (shape[3] == 1 ? "P5" : "P6") && largest == 255 &&
            height == shape[1] && width == shape[2],
        "The image is not a binary PGM or PPM file of the model's size.");
  const size_t count = shape[1] * shape[2] * shape[3];
  TF_Tensor* image = TF_AllocateTensor(TF_FLOAT, shape, 4, count * 4);
  float* pixels = static_cast<float*>(TF_TensorData(image));
  for (size_t i = 0; i < count; i++) pixels[i] = file.get() / 255.0f;
  check(!file.fail(), "The image is cut short.");
  return image;
}

void print(const std::string& name, const TF_Tensor* tensor) {
  const bool is_float = TF_TensorType(tensor) == TF_FLOAT;  // or int32
  const float* floats = static_cast<const float*>(TF_TensorData(tensor));
  const int32_t* ints = static_cast<const int32_t*>(TF_TensorData(tensor));
  std::cout << name;
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++)
    std::cout << ' ' << (is_float ? double{floats[i]} : double(ints[i]));
  std::cout << '\n';
}

int main(int argc, char** argv) {
  check(argc == 3, "Usage: predict SAVED_MODEL IMAGE");
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_Buffer* buffer = TF_NewBuffer();
  const char* tag = "serve";
  TF_Session* session =
      TF_LoadSessionFromSavedModel(TF_NewSessionOptions(), nullptr, argv[1],
                                   &tag, 1, graph, buffer, status);
  check(status);
  tensorflow::MetaGraphDef model;
  model.ParseFromArray(buffer->data, buffer->length);
  const auto& signature = model.signature_def().at("serving_default");
  const TF_Output input = find(graph, signature.inputs().at("image"));
  int64_t shape[4];
  TF_GraphGetTensorShape(graph, input, shape, 4, status);
  check(status);
  shape[0] = 1;
  TF_Tensor* image = read_image(argv[2], shape);
  std::vector<TF_Output> outputs;
  for (const auto& [name, info] : signature.outputs())
    outputs.push_back(find(graph, info));
  std::vector<TF_Tensor*> values(outputs.size());
  TF_SessionRun(session, nullptr, &input, &image, 1, outputs.data(),
                values.data(), outputs.size(), nullptr, 0, nullptr, status);
  check(status);

  std::cout.precision(9);
  auto value = values.begin();
  for (const auto& [name, info] : signature.outputs()) print(name, *value++);
}
