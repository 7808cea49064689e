/** The hues of people without a picture. A file of its own: the other tokens are only in the sheet, not in programs. */
export const faceHues = [266, 305, 345, 20, 60, 110, 160, 215] as const;
