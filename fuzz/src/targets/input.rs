//! [`Input`]: bytes taken apart from the front, of which there may always be fewer than are asked for.

/// What is left of the bytes.
pub(super) struct Input<'b>(pub(super) &'b [u8]);

impl<'b> Input<'b> {
    /// The next byte; 0 at the end.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many bytes as the next one says, if there are so many.
    pub(super) fn piece(&mut self) -> &'b [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(len);
        self.0 = rest;
        piece
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a piece, as [`Input::piece`] reads it. It has at most 255 bytes.
pub(super) fn push_piece(input: &mut Vec<u8>, piece: &[u8]) {
    let piece = &piece[..piece.len().min(255)];
    input.push(piece.len() as u8);
    input.extend_from_slice(piece);
}
