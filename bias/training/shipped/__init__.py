"""How the shipped model is measured: folds, figures, and the gate it must not fall below."""
