"""Names of types, and the one alphabet of axes that docstrings use.

b batch        t video frame   f audio frame   k mel bin     n sample
h w c image    d feature       m memory slot   a head        l token
v vocabulary   i inner step    p landmark

Images are [h w c] always; a sequence of vectors is [b t d].
"""

from collections.abc import Mapping
from typing import Any

import jax

Array = jax.Array
Key = jax.Array  # one PRNG key, from jax.random.key
Batch = Mapping[str, Array]
Params = Mapping[str, Any]  # {part: tree of arrays}
