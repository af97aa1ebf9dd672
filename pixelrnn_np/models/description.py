"""What a model says of itself."""

from ..console import plural


class Description:
    """A part of Model: text on its shapes, parameters and receptive field."""

    def receptive_field(self) -> str:
        """Which earlier pixels the logits of a pixel can see.

        Returns
        -------
        str
            One line. (r, q) is the pixel: row r, column q.

        Notes
        -----
        Sections 3.1, 3.2 and 3.5; Figure 3.

        Examples
        --------
        >>> model = pr.build_model("row_lstm", (4, 4, 1), h=2, layers=1)
        >>> model.receptive_field()
        'a triangle: row r-d for d >= 1: columns q-4-d to q+2+d; own row: q-4 to q-1'
        """
        raise NotImplementedError

    def summary(self) -> str:
        """Shapes, parameters and receptive field, as text.

        Returns
        -------
        str
            A table in ASCII, so that any file can hold it.

        Examples
        --------
        >>> model = pr.build_model("pixelcnn", (4, 4, 1), h=2, layers=1)
        >>> print(model.summary().splitlines()[0])
        pixelcnn: 4x4x1 images of 2 levels, sigmoid, h = 2, 1 block, float32
        """
        height, width, channels = self.image_shape
        kind = "sigmoid" if self.levels == 2 else f"{self.levels}-way softmax"
        lines = [
            f"{self.name}: {height}x{width}x{channels} images of {self.levels} levels, {kind}, "
            f"h = {self.h}, {plural(self.layers, 'block')}, {self.dtype.name}",
            f"{'parameter':<28}{'shape':<22}{'numbers':>10}",
        ]
        for name, a in self.params.items():
            lines.append(f"{name:<28}{'x'.join(map(str, a.shape)):<22}{a.size:>10,}")
        lines.append(f"{'total':<50}{self.flat.size:>10,}")
        lines.append(f"receptive field: {self.receptive_field()}")
        return "\n".join(lines)
