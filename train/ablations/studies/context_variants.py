"""The variants of the context ablation."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ContextVariant:
    """Settings of a variant: of its units, or of the losses of its face.

    Attributes:
        context_frames: W.
        layers: Layers of the transformer.
        mask_ratio: Fraction of the audio features that are masked.
        steps: Training steps of the units.
        after: Name of the variant whose weights it starts from; its face is then
            trained further with the auxiliary networks. Empty: units are trained first.
        visual_weight: Weight of d_vv in that training.
        infonce: d_vv is an InfoNCE loss; else plain L1.
    """

    context_frames: int = 15
    layers: int = 4
    mask_ratio: float = 0.5
    steps: int = 250
    after: str = ""
    visual_weight: float = 0.0
    infonce: bool = True


VARIANTS = {
    **{str(frames): ContextVariant(frames) for frames in (0, 1, 3, 5, 7, 10, 13, 15)},
    "unmasked": ContextVariant(mask_ratio=0.0),
    "long": ContextVariant(steps=1000),
    "long_unmasked": ContextVariant(mask_ratio=0.0, steps=1000),
    "slim": ContextVariant(5, layers=1),
    "off": ContextVariant(after="15"),
    # The gradient of L1 is a thirtieth of that of the contrastive loss.
    "l1": ContextVariant(after="15", visual_weight=9e-2, infonce=False),
    "contrast": ContextVariant(after="15", visual_weight=3e-3),
    "slim_contrast": ContextVariant(5, layers=1, after="slim", visual_weight=3e-3),
}
