"""ComfyUI's door to the pack."""
