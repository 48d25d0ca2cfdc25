"""What the commands that load a model say of its engines (`biospan.runtime.ENGINES`)."""

HELP = (
    "auto: int8 if the model was measured in it, else float32. Or onnxruntime-int8, onnxruntime "
    "(float32); with the extra openvino also openvino, openvino-bf16, openvino-int8."
)
