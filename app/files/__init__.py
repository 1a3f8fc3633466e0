"""Files that enter or leave the data folder."""
