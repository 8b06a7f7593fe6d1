package jp.ad.sinet.stream.api.valuetype;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Iterator;

import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidMessageException;

/**
 * Turns PNG, and every other format that {@link ImageIO} reads, into images. Needs the module {@code java.desktop}.
 * Thread-safe.
 *
 * <p>A small file can contain a very large image, so the number of pixels is limited and checked before the image is decoded.
 */
public class ImageDeserializer implements Deserializer<BufferedImage> {
    /** The default of the parameter {@code max_image_pixels}. */
    private static final long DEFAULT_MAX_PIXELS = 100_000_000;
    /** The usual number of bits of a pixel. A pixel that has more counts as several. */
    private static final int BITS = 32;
    /** The offset of a BMP file's compression method, and the methods that mean an embedded image of another format. */
    private static final int BMP_COMPRESSION = 30;
    private static final int BMP_HOLDS_JPEG = 4;
    private static final int BMP_HOLDS_PNG = 5;

    private final long maxPixels;

    /** Makes a deserializer that accepts images of up to 100,000,000 pixels. */
    public ImageDeserializer() {
        this(DEFAULT_MAX_PIXELS);
    }

    /**
     * Makes a deserializer with its own limit.
     *
     * @param maxPixels the largest number of pixels of an image; a pixel of more than 32 bits counts as several
     * @throws IllegalArgumentException if it is not positive
     */
    public ImageDeserializer(long maxPixels) {
        if (maxPixels <= 0) {
            throw new IllegalArgumentException("the limit for pixels is " + maxPixels + "; expected 1 or more");
        }
        this.maxPixels = maxPixels;
    }

    /**
     * Decodes an image.
     *
     * @param bytes the file's bytes
     * @return the image
     * @throws InvalidMessageException if the bytes are no image that Java can read, or the image has too many pixels
     * @throws OutOfMemoryError if the JVM lacks the memory for an image within the limit
     */
    @Override
    public BufferedImage deserialize(byte[] bytes) {
        try (ImageInputStream stream = new InMemory(bytes)) {
            Iterator<ImageReader> readers = ImageIO.getImageReaders(stream);
            if (!readers.hasNext()) {
                throw new InvalidMessageException("the value is not an image that Java can read");
            }
            ImageReader reader = readers.next();
            try {
                reader.setInput(stream, true, true);
                check(reader, bytes);
                return reader.read(0);
            } finally {
                reader.dispose();
            }
        } catch (InvalidMessageException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                if (cause instanceof OutOfMemoryError) {
                    throw (OutOfMemoryError) cause; // some readers wrap it, although the image is not at fault
                }
            }
            throw new InvalidMessageException("the value is a damaged image: " + e.getMessage(), e);
        }
    }

    /**
     * A stream that, unlike ImageIO's own, writes no temporary file. It knows its length: otherwise the TIFF reader trusts
     * the sizes of its parts that a file of some hundred bytes claims, and allocates up to 2 GB before it reads one.
     */
    private static final class InMemory extends MemoryCacheImageInputStream {
        private final int length;

        InMemory(byte[] bytes) {
            super(new ByteArrayInputStream(bytes));
            length = bytes.length;
        }

        @Override
        public long length() {
            return length;
        }
    }

    private void check(ImageReader reader, byte[] bytes) throws IOException {
        boolean isBmp = reader.getFormatName().equalsIgnoreCase("bmp") && bytes.length > BMP_COMPRESSION;
        if (isBmp && (bytes[BMP_COMPRESSION] == BMP_HOLDS_JPEG || bytes[BMP_COMPRESSION] == BMP_HOLDS_PNG)) {
            throw new InvalidMessageException("the value is a BMP that holds another image, whose size can't be known");
        }
        long width = reader.getWidth(0);
        long height = reader.getHeight(0);
        if (reader.isImageTiled(0)) { // a tile is decoded as a whole, and may exceed the image
            width = Math.max(width, reader.getTileWidth(0));
            height = Math.max(height, reader.getTileHeight(0));
        }
        if (width * height > maxPixels) {
            throw tooLarge(width, height, "");
        }
        Iterator<ImageTypeSpecifier> types = reader.getImageTypes(0);
        int bits = types.hasNext() ? types.next().getColorModel().getPixelSize() : BITS;
        long each = Math.max(1, (bits + BITS - 1) / BITS);
        if (width * height > maxPixels / each) {
            throw tooLarge(width, height, " of " + bits + " bits");
        }
    }

    private InvalidMessageException tooLarge(long width, long height, String bits) {
        return new InvalidMessageException("the value is an image of " + width + " x " + height + " pixels" + bits
                + ", more than max_image_pixels (" + maxPixels + ") allows");
    }

    /** Compares the limits. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ImageDeserializer && maxPixels == ((ImageDeserializer) other).maxPixels;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(maxPixels);
    }
}
