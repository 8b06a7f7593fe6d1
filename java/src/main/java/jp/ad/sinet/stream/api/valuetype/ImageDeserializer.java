package jp.ad.sinet.stream.api.valuetype;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;

import javax.imageio.ImageIO;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidMessageException;

/**
 * Turns PNG, and every other format that {@link ImageIO} reads, into images. Needs the module {@code java.desktop}.
 * Thread-safe.
 */
public class ImageDeserializer implements Deserializer<BufferedImage> {
    /** Makes a deserializer. */
    public ImageDeserializer() {
    }

    /**
     * Decodes an image.
     *
     * @param bytes the file's bytes
     * @return the image
     * @throws InvalidMessageException if they are no image that Java can read
     */
    @Override
    public BufferedImage deserialize(byte[] bytes) {
        BufferedImage image;
        try {
            image = ImageIO.read(new ByteArrayInputStream(bytes));
        } catch (IOException | RuntimeException e) {
            throw new InvalidMessageException("the value is a damaged image: " + e.getMessage(), e);
        }
        if (image == null) {
            throw new InvalidMessageException("the value is not an image that Java can read");
        }
        return image;
    }

    /** Equal to every other. */
    @Override
    public boolean equals(Object other) {
        return other instanceof ImageDeserializer;
    }

    @Override
    public int hashCode() {
        return ImageDeserializer.class.hashCode();
    }
}
