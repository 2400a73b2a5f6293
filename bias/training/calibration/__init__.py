"""From logits to probabilities: maps, thresholds and percentiles of a trained model."""
