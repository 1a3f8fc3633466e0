"""``tiny``: a small Stable-Diffusion-shaped model, trained on images that ``scenes`` renders."""
