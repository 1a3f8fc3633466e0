"""Reading and writing: images, rankings tables, atomic files."""
