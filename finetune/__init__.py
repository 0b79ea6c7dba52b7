"""Records -> LoRA adapter -> served by vLLM. Needs the finetune extra; importing this imports no torch."""
