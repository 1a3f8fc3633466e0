"""Image → embedding: encoders by name, their cache, and files of embeddings that people bring."""
