"""Which images to ask about next: posterior over the weights and acquisition."""
