/** Pictures that come to the page: chosen, dropped, pasted, ready-made. */

import { make, part } from "./elements.js";

/**
 * Listens for picture files.
 *
 * @param {function(Blob)} onPicture is given each of them.
 */
export function listenForPictures(onPicture) {
  const input = part("file");
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (file) {
      onPicture(file);
    }
  });
  const stage = part("stage");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("dropping");
  });
  document.addEventListener("dragleave", () =>
    stage.classList.remove("dropping"),
  );
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    pass(event.dataTransfer.files, onPicture);
  });
  document.addEventListener("paste", (event) =>
    pass(event.clipboardData.files, onPicture),
  );
}

function pass([file], onPicture) {
  if (file) {
    onPicture(file);
  }
}

/**
 * Shows the images that come with the page, as buttons.
 *
 * @param {Object[]} examples file and label of each.
 * @param {function(string, string)} onChoose is given the file's address and
 *   the label.
 */
export function showExamples(examples, onChoose) {
  part("examples-part").hidden = !examples.length;
  for (const { file, label } of examples) {
    const button = make(make(part("examples"), "li"), "button");
    const image = make(button, "img");
    button.type = "button";
    image.src = file;
    image.alt = `An image of class ${label}`;
    button.addEventListener("click", () => onChoose(file, label));
  }
}
