import java.awt.image.BufferedImage;
import java.time.Duration;

import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Sends an image, as PNG on the wire. In Rust such a value is the bytes of the PNG file. */
public final class Image {
    private Image() {
    }

    public static void main(String[] args) {
        MessageReaderFactory<BufferedImage> readers = MessageReaderFactory.<BufferedImage>builder().service("image")
                .receiveTimeout(Duration.ofSeconds(10)).build();
        MessageWriterFactory<BufferedImage> writers = MessageWriterFactory.<BufferedImage>builder().service("image").build();
        try (MessageReader<BufferedImage> reader = readers.getReader();
                MessageWriter<BufferedImage> writer = writers.getWriter()) {
            BufferedImage image = new BufferedImage(64, 48, BufferedImage.TYPE_INT_RGB);
            image.setRGB(10, 20, 0x00FF00);
            writer.write(image);
            BufferedImage read = reader.read().getValue();
            System.out.println("read an image of " + read.getWidth() + " x " + read.getHeight() + " with a pixel "
                    + Integer.toHexString(read.getRGB(10, 20)));
        }
    }
}
