"""Training and measuring the classifier; needs the extra `train` (torch, transformers, datasets, scikit-learn)."""
