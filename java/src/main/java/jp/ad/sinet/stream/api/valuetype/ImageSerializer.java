package jp.ad.sinet.stream.api.valuetype;

import java.awt.image.RenderedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;

import javax.imageio.ImageIO;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;

/**
 * Turns images into PNG or another format of {@link ImageIO}. Needs the module {@code java.desktop}. Thread-safe.
 *
 * @param <T> the kind of image
 */
public class ImageSerializer<T extends RenderedImage> implements Serializer<T> {
    private final String format;

    /**
     * Makes a serializer for a format.
     *
     * @param format one of {@link ImageIO#getWriterFormatNames}, such as {@code png} or {@code jpeg}
     */
    public ImageSerializer(String format) {
        this.format = format;
    }

    /** Makes a serializer for PNG. */
    public ImageSerializer() {
        this("png");
    }

    /**
     * Encodes an image.
     *
     * @param data the image
     * @return the file's bytes
     * @throws SinetStreamException if the format is not known, or does not support such an image
     */
    @Override
    public byte[] serialize(T data) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            if (!ImageIO.write(data, format, out)) {
                throw new SinetStreamException("the image can't be encoded as " + format);
            }
        } catch (IOException e) {
            throw new SinetStreamException("the image can't be encoded as " + format + ": " + e.getMessage(), e);
        }
        return out.toByteArray();
    }

    /** Compares the formats. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ImageSerializer && format.equals(((ImageSerializer<?>) other).format);
    }

    @Override
    public int hashCode() {
        return format.hashCode();
    }
}
