"""Share out sound between two sources by their powers and by where they lie between the channels.

A multichannel Wiener filter: each source is a variance in every cell times a covariance of the
channels in every band (Duong et al. 2010), which expectation-maximisation finds. Both covariances
are made diagonal together, so that every turned channel has a gain of its own. This module must not
know what the sound is, nor how the variances were found.
"""

from __future__ import annotations

from typing import Any

from stemmux.spectra import GROUP, Frame, power_of

#: Up to so many channels, a moment may turn the covariances; of more, it only weighs them anew.
_MOST_TURNED = 2
#: How much of no direction at all is in the first guess.
_PLAIN = 1e-2

#: Variances of the two sources in each cell.
Variances = tuple[Any, Any]


def start(frame: Frame, variances: Variances, sound: Any) -> Any:
    """Covariances before anything is learned: of what a mask by the variances alone takes out.

    Returns:
        `[2, 1, bands, channels, channels]`, as everywhere here: of the whole, one group.
    """
    import numpy as np

    expected = sum(frame.summed(variance).sum(axis=0) for variance in variances)
    found = frame.summed(power_of(sound).sum(axis=0)).sum(axis=0)
    # At the power of the sound, so that the variances alone say which source is how strong.
    level = np.clip(found / (expected + 1e-20), 1e-4, 1)[None, :, None, None]
    both = variances[0] + variances[1]
    pairs, nothing = _pairs(sound), np.zeros((len(sound), 1, 1, 1), np.float32)
    out = []
    for variance in variances:
        mask = np.broadcast_to(variance / both, sound.shape)
        sums = _expected(frame, pairs, mask, variance, nothing).sum(axis=0, keepdims=True)
        trace = np.trace(sums, axis1=-2, axis2=-1).real[..., None, None]
        plain = np.eye(len(sound)) / len(sound)
        out.append(level * (sums / (trace + 1e-20) + _PLAIN * plain) / (1 + _PLAIN))
    return np.stack(out)


def shared(
    frame: Frame, variances: Variances, sound: Any, spread: Any, kernel: Any, whole: float
) -> Any:
    """The first source's part of the sound, with the covariances of each moment.

    They are found by one step from those of the whole, on which they lean.

    Args:
        kernel: how much each group counts for each other.
        whole: how many spectra the whole counts as.
    """
    if len(sound) <= _MOST_TURNED:
        spread = _learned_near(frame, variances, sound, spread, kernel, whole)
        turned, gains, back = _divided(frame, variances, sound, spread)
    else:
        there, shares, back = _diagonal(spread)
        turned = _turned(frame, there, sound)
        shares = _weighed_near(frame, variances, turned, shares, kernel, whole)
        gains = _gains(frame, variances, shares)
    turned *= gains
    return _turned(frame, back, turned)


def learned(frame: Frame, variances: Variances, sound: Any, spread: Any) -> Any:
    """Covariances of the whole, by one more step of expectation-maximisation."""
    sums, turn = _step(frame, variances, sound, spread)
    count = len(sums[0]) * frame.widths * (GROUP // 2)
    return _back(
        turn, [part.sum(axis=0, keepdims=True) / count[None, :, None, None] for part in sums]
    )


def _learned_near(
    frame: Frame, variances: Variances, sound: Any, spread: Any, kernel: Any, whole: float
) -> Any:
    import numpy as np

    sums, turn = _step(frame, variances, sound, spread)
    lean = frame.widths * whole / 2
    count = kernel.sum(axis=1)[:, None] * frame.widths * (GROUP // 2) + lean
    near = _back(turn, [np.tensordot(kernel, part, 1) for part in sums])
    return (near + spread * lean[:, None, None]) / count[..., None, None]


def _weighed_near(
    frame: Frame, variances: Variances, turned: Any, shares: Any, kernel: Any, whole: float
) -> Any:
    """The first source's share in each turned channel, by moment; the directions stay."""
    import numpy as np

    target, residual = (variance[:, ::2] for variance in variances)
    gains = _gains(frame, (target, residual), shares)
    lean = (frame.widths * whole / 2)[:, None]
    out = np.empty((len(kernel), *shares.shape[1:]))
    for channel, gain in enumerate(gains):
        power, unknown = power_of(turned[channel, :, ::2]), gain * residual
        own = frame.summed((np.square(gain) * power + unknown) / target)
        other = frame.summed((np.square(1 - gain) * power + unknown) / residual)
        own = kernel @ own + shares[..., channel] * lean[:, 0]
        out[..., channel] = own / (kernel @ other + lean[:, 0])
    return out


def _step(frame: Frame, variances: Variances, sound: Any, spread: Any) -> tuple[list[Any], Any]:
    """Summed covariances of both sources, in turned channels, and the way back.

    Every second spectrum will do: they overlap by half.
    """
    target, residual = (variance[:, ::2] for variance in variances)
    turned, gains, back = _divided(frame, (target, residual), sound[:, :, ::2], spread)
    pairs = _pairs(turned)
    # What is not known is the same for both: the product of their variances over the sum.
    unknown = gains * residual
    return (
        [
            _expected(frame, pairs, gains, target, unknown),
            _expected(frame, pairs, 1 - gains, residual, unknown),
        ],
        back,
    )


def _back(turn: Any, parts: list[Any]) -> Any:
    import numpy as np

    other = np.conj(np.swapaxes(turn, -1, -2))
    return np.stack([turn @ part @ other for part in parts])


def _divided(frame: Frame, variances: Variances, sound: Any, spread: Any) -> tuple[Any, Any, Any]:
    """The sound in turned channels, the first source's gain in each cell, and the way back."""
    there, shares, back = _diagonal(spread)
    return _turned(frame, there, sound), _gains(frame, variances, shares), back


def _gains(frame: Frame, variances: Variances, shares: Any) -> Any:
    import numpy as np

    target, residual = variances
    gains = np.empty((shares.shape[-1], *target.shape), np.float32)
    for channel, gain in enumerate(gains):
        np.multiply(frame.spread(shares[..., channel].astype(np.float32)), target, out=gain)
        gain /= gain + residual
    return gains


def _diagonal(spread: Any) -> tuple[Any, Any, Any]:
    """Turns that make both covariances diagonal: there, the target's share, and back.

    With W Cr Wᴴ = 1 and W Ct Wᴴ = D, each turned channel has a gain of its own.
    """
    import numpy as np

    first, second = spread
    channels = first.shape[-1]
    level = np.trace(first + second, axis1=-2, axis2=-1).real[..., None, None]
    little = np.eye(channels) * (1e-4 * level / channels + 1e-12)
    lower = np.linalg.cholesky(second + little)
    inverse = np.linalg.inv(lower)
    shares, turn = np.linalg.eigh(
        inverse @ (first + little) @ np.conj(np.swapaxes(inverse, -1, -2))
    )
    there = np.conj(np.swapaxes(turn, -1, -2)) @ inverse
    return there, np.maximum(shares, 0), lower @ turn


def _turned(frame: Frame, matrices: Any, cells: Any) -> Any:
    """`matrices` `[groups, bands, channels, channels]` applied to every cell."""
    import numpy as np

    channels = len(cells)
    out = np.zeros_like(cells)
    if channels > _MOST_TURNED:
        # Band by band, so that the linear algebra works on many cells at once.
        matrices = matrices.astype(np.complex64)
        for band, (first, width) in enumerate(zip(frame.edges, frame.widths, strict=True)):
            part = np.moveaxis(cells[..., first : first + width], 0, 1)
            flat = part.reshape(len(part), channels, -1)
            turned = (matrices[:, band] @ flat).reshape(part.shape)
            out[..., first : first + width] = np.moveaxis(turned, 1, 0)
        return out
    for row in range(channels):
        for column in range(channels):
            factor = frame.spread(matrices[..., row, column].astype(np.complex64))
            out[row] += factor * cells[column]
    return out


def _pairs(turned: Any) -> dict[tuple[int, int], Any]:
    import numpy as np

    pairs: dict[tuple[int, int], Any] = {}
    for row, part in enumerate(turned):
        pairs[row, row] = power_of(part)
        for column in range(row):
            pairs[row, column] = part * np.conj(turned[column])
    return pairs


def _expected(
    frame: Frame, pairs: dict[tuple[int, int], Any], share: Any, own: Any, unknown: Any
) -> Any:
    """Summed covariances of one sound for a power of 1: `[groups, bands, channels, channels]`.

    Args:
        pairs: products of turned channels; see `_pairs`.
        share: the sound's gain in each turned channel.
        own: its variance.
        unknown: what is not known of it, a variance.
    """
    import numpy as np

    inverse = 1 / own
    weights = share * np.sqrt(inverse)
    channels = len(share)
    out: Any = None
    for (row, column), product in pairs.items():
        cells = weights[row] * weights[column] * product
        if row == column:
            cells += unknown[row] * inverse
        added = frame.summed(cells)
        if out is None:
            out = np.zeros((*added.shape, channels, channels), np.complex64)
        out[..., row, column] = added
        if row != column:
            out[..., column, row] = np.conj(added)
    return out
