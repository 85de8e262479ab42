"""Parts of the ablation studies."""
