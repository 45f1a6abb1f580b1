"""The rules of a diagnosis, in words: where each holds, and its advice.

The page and `docs/diagnosis.md` show them; `verdict` decides which hold.
"""

RULES = {
    "healthy": "The error is at most 5 %.",
    "few_errors": "There are fewer than 10 errors: too few to divide.",
    "untaught": "At least 2/3 of the error remains at the truth, the object "
    "is not in view more often than by chance (which is below 90 %), and the "
    "error is not below that at random places, where that is known; `context` "
    "does not hold.",
    "crop": "At least 2/3 of the error remains at the truth, and the widest "
    "crop can show less than half of the object (in the median image).",
    "confused": "At least 2/3 of the error remains at the truth, and at least "
    "half of it (10 errors or more) takes two classes for each other, of "
    "three or more.",
    "recogniser": "At least 2/3 of the error remains at the truth.",
    "same_places": "At most 1/3 of the error remains at the truth, and the "
    "places of no step differ from image to image by a standard deviation of "
    "0.05 (the image is 2 wide).",
    "blind": "At most 1/3 of the error remains at the truth, and what lies in "
    "one half of the image is in view less than half as often as in the other "
    "half, where it is in view more often than by chance (at least 10 objects "
    "in each).",
    "unlearned": "At most 1/3 of the error remains at the truth, and the "
    "object is not in view more often than by chance (which is below 90 %).",
    "attention": "At most 1/3 of the error remains at the truth.",
    "both": "Between 1/3 and 2/3 of the error remains at the truth.",
    "place_matters": "It is not known where the object is; the error as "
    "learned is below that at random places.",
    "place_does_not_matter": "It is not known where the object is; the error "
    "as learned is not below that at random places.",
    "unknown": "It is not known where the object is, nor the error at other "
    "places.",
    "truth_is_worse": "The error at the truth is above the error as learned: "
    "the interval of the attention error lies below 0.",
    "context": "At least half of the right answers (10 or more) are given "
    "with the one object out of view, and of such answers more are right than "
    "by guessing.",
    "loose": "The object is in view in at least half of the images, but the "
    "crops of a transformer overlap it (intersection over union) by less than "
    "20 %.",
    "more_glimpses": "The last glimpse took away at least 10 % of the errors "
    "that were left.",
}
ADVICE = {
    "untaught": "What reads was never led to the object, so it may not have "
    "learned to read it: first train the places, and what reads with them; "
    "then look at this again.",
    "crop": "Take larger glimpses, more scales, or a larger crop.",
    "confused": "Check the labels of these two classes, then look at the "
    "pictures of what was confused.",
    "recogniser": "Work on what reads the glimpse: more units or convolutions, "
    "more training, more data. To be shown the place does not help it.",
    "same_places": "The place does not depend on the image: see that what "
    "chooses it is given what it needs, is trained (hard attention by "
    "`ReinforceModel`), and is not stuck at the border.",
    "blind": "See that the training data has objects there, and that the "
    "output of the location network can reach that half.",
    "unlearned": "The recogniser reads what it is shown, but nothing leads it "
    "there: train the places longer, with a larger standard deviation at "
    "first, or with boxes; give coarser scales to find the object by.",
    "attention": "Work on where it looks: train the places longer, with a "
    "larger standard deviation at first, more glimpses or coarser scales.",
    "both": "Both parts fail: see the table and the pictures for which of "
    "them comes first.",
    "place_matters": "Give boxes or masks of the object, to tell wrong "
    "places from wrong reading.",
    "place_does_not_matter": "Looking where it learned to gains nothing: "
    "train the places, or leave the attention out.",
    "unknown": "Give boxes or masks of the object (and `item_grid` for items).",
    "truth_is_worse": "It reads worse when it stares at the middle of the "
    "object than where it looks: its path is part of how it reads.",
    "context": "It answers from the coarser scales, from the surroundings or "
    "from a part that was seen: being in view is not what decides here.",
    "loose": "The crop shows far more than the object: let it zoom "
    "(`bounds`, a smaller `output_shape`, longer training).",
    "more_glimpses": "Another glimpse is likely to help.",
}
