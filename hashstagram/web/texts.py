"""What the page and the APIs say. Sentences about photos and settings come from the library's own errors.

Each text is said in every language (see `languages`), but for those that `ENGLISH` names.
"""

TITLE = "HashStagram"
TAGLINE = "Photo in, hashtags out."
DESCRIPTION = "Drop in a photo and get five fitting hashtags, ready to paste."

PHOTO = "Photo"
PHOTO_ALT = "Your photo"
PLACEHOLDER = "# Drop a photo here\nor choose one from this device"
CAMERA = "Take a photo"
ANOTHER = "Another photo"
HASHTAGS = "Hashtags"
LINE = "Ready to paste"
COPY = "Copy"
AGAIN = "Try again"
EXAMPLES = "No photo at hand? Try one of these"
CREDITS = "Photos by {names}. [Sources and licences](site/examples/CREDITS.md)"

SETTINGS = "Settings"
MODEL = "Model"
MODEL_LINE = "{name}\n{description}. {megabytes:.0f} MB."
MODEL_FIGURES = (
    "{name}\n{description}. {megabytes:.0f} MB. "
    "First hashtag right: {first:.0f} %. Five name {recall:.0f} % of what is in the photo."
)
TOP_K = "Number of hashtags"
COMPANIONS = "Places for tags written with it"
COMPANIONS_INFO = "So many of them, half at most, may be tags that people write with what is seen."
MIN_CONFIDENCE = "Least confidence"
MIN_CONFIDENCE_INFO = "0.5 leaves out what is right less often than every second time."
EXCLUDE = "Never these"
ALWAYS = "Always these"
TAGS_INFO = "sea, sand or #sea #sand"
VARIETY = "Variety"
VARIETY_INFO = "Near-synonyms such as #sea and #ocean take two of five places at most."
PLATFORM_TAGS = "Platform tags"
PLATFORM_TAGS_INFO = "#instagood, #followme and the like say nothing about a photo: they come only if you want them."
COMPARE = "Compare all models"
COMPARE_INFO = "Each of them looks at the photo, and their hashtags stand side by side."

SEEN = "Seen in the photo"
SEEN_MEANING = "how often that is right"
WRITTEN_WITH = "Written with it"
WRITTEN_WITH_MEANING = "how many do so"
# How sure a tag is, from nearly always right to seldom.
VERY_SURE = "very sure"
SURE = "sure"
LIKELY = "likely"
POSSIBLE = "possible"
LONG_SHOT = "a long shot"
NEARLY_ALL = "over 9 in 10"
IN_TEN = "{count} in 10"
HARDLY_ANY = "under 1 in 10"
ASKED_FOR = "as you wish"
LOOKED = "{model} looked at your photo for {milliseconds:,} ms."
ALL_LOOKED = "All models looked at your photo, for {milliseconds:,} ms together."
HINT = "Choose a hashtag to see what in the photo speaks for it."
HEAT_ALT = "Your photo, lit where it speaks for #{tag}"
HEAT_VISIBLE = "What is lit here speaks for #{tag}. The dark edges are not looked at."
HEAT_COMPANION = (
    "#{tag} is not seen itself, but written with {tags}. What is lit here speaks for these. "
    "The dark edges are not looked at."
)
HEAT_NONE = "Nothing in this photo speaks for #{tag}."
CAP = "There are {count} hashtags. The line holds the first {cap}, because a post on Instagram may have no more."
FOUND = "Hashtags for your photo: {tags}."
NOTHING = "No hashtag is that sure. Lower the least confidence in the settings."
NO_ANSWER = "There are no hashtags this time."
COMPARED = "The models side by side"

API = """\
Hashtags for a photo with their confidences, the surest first. `photo` is an uploaded file, `model` one of the choices,
`top_k` the number of hashtags from 1 to 30. Photos are deleted within 15 minutes."""

ABOUT = """\
## What is this?

HashStagram looks at a photo and suggests the hashtags that people would write under it. Neural networks, trained on
real photos, do the looking; the words beside a tag say how often such an answer is right. The tags are the same
whatever the language of this page, and those about the platform itself, such as #instagood, are left out.

Your photo is used for nothing but the answer and is deleted within 15 minutes.

Programs can ask too: [commands for this server](programs).
"""

MANY = "Many photos at once"
MANY_ABOUT = (
    "Up to 50 go one after the other, with the settings above. "
    "None is kept, and one that cannot be used never spoils the rest."
)

# Above a sentence of those that follow.
SORRY = "That did not work"
BUSY = "Many photos are waiting right now. Please try again in a few seconds."
ENDING = "The server is about to start again. Please try again in a few seconds."
NO_PHOTO = "There is no photo. Please choose one first."
EXPIRED = "That photo is no longer here: photos are deleted after 15 minutes. Please drop it in once more."
NOT_UPLOADED = "Only a photo that was uploaded here can be used. Please upload it first."
FAILED = "Something went wrong on our side. Please try again."
NO_CALL = "There is no photo here whose answer would come at this address. Please send the photo once more."
TOO_LARGE = "The request is larger than {limit:,} bytes. Please send a smaller one."
PHOTO_TOO_LARGE = (
    "This photo has more than {megabytes:.3g} MB. Please make it smaller or save it as JPEG, and try again."
)
NOT_FOUND_HERE = "There is nothing at this address."
NOT_FOUND = "There is nothing at this address. {specification} lists what there is."
WRONG_METHOD = "This address does not answer {method}. It answers {allowed}."
LIST_INVALID = "The list of photos cannot be used: {place} is not as {specification} describes it."
MALFORMED = "The request cannot be understood. Send the photo as the file `photo` of a multipart form."
NO_PHOTO_FIELD = "There is no photo in the request. Send it as the file `photo` of a multipart form."
NOT_A_NUMBER = "{name} is {value!r}. Give a whole number from {least} to {most}."
NOT_A_SHARE = "{name} is {value!r}. Give a number from 0 to 1."
NOT_A_SWITCH = "{name} is {value!r}. Give true or false."

# What the page's scripts say.
SCRIPT = {
    "photo": PHOTO,
    "photo_alt": PHOTO_ALT,
    "no_preview": "Your browser cannot show this kind of photo. Its hashtags come all the same.",
    "copied": "Copied",
    "looking": "Looking …",
    "copy_by_keyboard": "The line is selected. Copy it with the keyboard.",
    "hashtags": HASHTAGS,
    "seen": SEEN,
    "written_with": WRITTEN_WITH,
    "copy": COPY,
    "again": AGAIN,
    "many_choose": "Choose photos or drop them here",
    "many_caption": "Your photos and their hashtags",
    "many_waiting": "Waiting",
    "many_looking": "Looking …",
    "many_stopped": "Stopped",
    "many_busy": "The server is busy. Again in {seconds} s.",
    "many_no_tag": "No tag is that sure.",
    "many_unreadable": "This file cannot be read. Please choose it again.",
    "many_unreachable": "The server cannot be reached. Please try again.",
    "many_progress_label": "Photos looked at",
    "many_progress": "{done} of {total}",
    "many_started": "Photos in the list: {total}. They are looked at one after the other.",
    "many_too_many": "At most {most} photos go at once. Left out: {left}.",
    "many_finished": "Done. Photos with hashtags: {done} of {total}.",
    "many_finished_but": "Done. Photos with hashtags: {done} of {total}. Not usable: {failed}.",
    "many_stopped_all": "Stopped. What is found so far stays.",
    "many_stop": "Stop",
    "many_continue": "Continue",
    "many_again": "Ask again",
    "many_clear": "Clear the list",
    "many_download": "Download",
    "many_csv": "CSV table",
    "many_json": "JSON",
    "many_xmp": "XMP sidecars (ZIP)",
}

MODEL_NAMES = {
    "alexnet": "AlexNet",
    "efficientnet_lite": "EfficientNet-Lite",
    "hashnet": "HashNet",
    "resnet18": "ResNet-18",
    "vgg16": "VGG16",
}

# The page for programs. What stands between ` is code.
PROGRAMS = {
    "title": "Ask from a program",
    "lead": "These commands ask this very server. Put the name of your photo where they say beach.jpg.",
    "curl": "On the command line",
    "curl_about": "One request brings one answer, and nothing stays here.",
    "python": "Python",
    "python_about": "With the package `requests`. It is the same request.",
    "javascript": "JavaScript",
    "javascript_about": "With Node.js 20 or newer and nothing else. Save it as `hashtags.mjs`.",
    "gradio_python": "Python with Gradio's client",
    "gradio_python_about": "With the package `gradio_client`. The photo is uploaded first, and gone within 15 minutes.",
    "gradio_javascript": "JavaScript with Gradio's client",
    "gradio_javascript_about": "With the package `@gradio/client`. Save it as `hashtags.mjs`.",
    "assistant": "Assistants",
    "assistant_about": (
        "For the settings of an assistant that speaks the Model Context Protocol. Its tool `hashtags` takes the photo "
        "itself, as a `data:` URL, and fetches nothing."
    ),
    "answer": "The answer",
    "answer_about": (
        "What is visible in the photo comes first, the surest at the top, then companions, which people write with it. "
        "A confidence is calibrated: of the tags with 0.8, about 8 in 10 are right."
    ),
    "models_title": "Models",
    "models_about": "For the field `model`. The first one answers if you name none.",
    "limits": "Limits",
    "limits_about": (
        "JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF and BMP, up to {megabytes:.3g} MB and {megapixels:.3g} megapixels. "
        "`top_k` may be 1 to 30."
    ),
    "specification": "Every field and every answer, for programs (OpenAPI)",
    "statuses_title": "When it fails",
    "statuses_about": (
        "The answer then has a `code` for programs and a `message` for people, in the language that `Accept-Language` "
        "asks for."
    ),
}
STATUSES = {
    "400": "The request cannot be understood, has no photo, or its photo is empty or damaged.",
    "413": "The photo has too many bytes or pixels.",
    "415": "The file is not a photo of a kind that is read here.",
    "422": "There is no such model or tag, or a value cannot be used.",
    "429": "That was very fast. Wait a few seconds.",
    "500": "Something went wrong here.",
    "503": "Too many photos are waiting, or the server is about to end. `Retry-After` says when to come back.",
}

# What assistants read. They put it into their people's language themselves.
TOOL = """\
Suggests hashtags that people would write under a photo. Use it when somebody wants hashtags, tags or keywords for a
photo that you have. The answer is JSON: the model, and the hashtags without #, each with a calibrated confidence from 0
to 1. The photo is used for nothing else and is not kept."""
# A line for each argument: that is how Gradio reads them.
TOOL_ARGUMENTS = """\
Args:
    photo: The photo itself as a data: URL in base64, such as data:image/jpeg;base64,/9j/4AAQSk… It is JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP, and has at most {megabytes} MB. Addresses and paths are refused: nothing is fetched.
    model: Which network looks at it: {models}. The first is the best, and the default.
    top_k: How many hashtags, from 1 to 30.
    min_confidence: Leaves out what is less sure, from 0 to 1.
    exclude: Tags that shall not come.
    always: Tags that come first, whatever the photo shows.
    platform_tags: Whether tags about the platform itself, such as instagood, may come.
    companions: How many of the hashtags may be tags that are only written with what the photo shows, from 0 to 30.
    variety: Whether near-synonyms, such as sea and ocean, take two of five places at most.
"""  # noqa: E501
NOT_A_DATA_URL = (
    "A photo is neither fetched from an address nor read from a path. "
    "Pass the photo itself as a data: URL in base64, such as data:image/jpeg;base64,/9j/4AAQSk…"
)
NO_TOOL = "{tool!r} is not a tool. There is: {tools}."
NO_ARGUMENT = "{name!r} is not an argument. There are: {names}."
OTHER_ORIGIN = "Pages of other sites cannot ask here. Ask from a program."

RUNNING = "HashStagram answers on {address}"
CANNOT_START = "HashStagram cannot start. {reason}"

# Gradio reads the key itself out to people who do not see the page.
GRADIOS = {"common.complete": "Done."}

# What Gradio's components say in English whatever the language, and what is said instead.
LABELS = {
    "Capture from camera": "Capture from camera",
    "Click to Access Webcam": "Use the camera",
    "Close": "Close",
    "Empty value": "No photo yet",
    "Error": SORRY,
    "File upload": "File upload",
    "File(s) exceed the maximum allowed size of {megabytes} Mb: {names}": (
        "This photo has more than {megabytes} MB. Please make it smaller or save it as JPEG, and try again."
    ),
    "Gradio footer navigation": "About this page",
    "Paste from clipboard": "Paste from clipboard",
    "Remove Image": "Remove Image",
    "Reset to default value": "Reset to default value",
    "Upload file": "Upload file",
    "capture photo": "Take the photo",
    "grant webcam access": "Allow the camera",
    "number input for {label}": "number input for {label}",
    "range slider for {label}": "range slider for {label}",
    "select input source": "Choose the camera",
    "select source": "Choose the camera",
}

# Names that are the same everywhere, descriptions for programmers, and what is said to whoever runs the server.
ENGLISH = (
    *("TITLE", "API", "MODEL_NAMES", "RUNNING", "CANNOT_START"),
    *("TOOL", "TOOL_ARGUMENTS", "NOT_A_DATA_URL", "NO_TOOL", "NO_ARGUMENT", "OTHER_ORIGIN"),
)
