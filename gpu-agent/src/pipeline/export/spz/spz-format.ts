/*
 * The .spz format (https://github.com/nianticlabs/spz): a header, then all positions, opacities, colours, sizes, rotations
 * and harmonics as integers, gzipped up to version 3. The header: "NGSP", version, number of gaussians, a byte for the
 * degree and one for the bits of a position's fraction.
 */

export const SPZ_MAGIC = 0x5053474e;
export const HEADER_BYTES = 16;
/** A colour's byte is the constant coefficient of the spherical harmonics times this, around the middle. */
export const COLOUR_SCALE = 0.15;
