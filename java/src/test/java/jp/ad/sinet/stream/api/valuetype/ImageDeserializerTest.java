package jp.ad.sinet.stream.api.valuetype;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.testing.ChildJvm;

class ImageDeserializerTest {
    private static void chunk(DataOutputStream to, String kind, byte[] content) throws IOException {
        byte[] name = kind.getBytes(StandardCharsets.US_ASCII);
        CRC32 sum = new CRC32();
        sum.update(name);
        sum.update(content);
        to.writeInt(content.length);
        to.write(name);
        to.write(content);
        to.writeInt((int) sum.getValue());
    }

    /** Returns a PNG of one colour in grayscale, with a correct checksum for every chunk. */
    static byte[] png(int width, int height) throws IOException {
        ByteArrayOutputStream pixels = new ByteArrayOutputStream();
        try (DeflaterOutputStream deflated = new DeflaterOutputStream(pixels)) {
            byte[] row = new byte[1 + width];
            for (int i = 0; i < height; i++) {
                deflated.write(row);
            }
        }
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        DataOutputStream to = new DataOutputStream(file);
        to.writeLong(0x89504E470D0A1A0AL);
        chunk(to, "IHDR", ByteBuffer.allocate(13).putInt(width).putInt(height).put(new byte[] {8, 0, 0, 0, 0}).array());
        chunk(to, "IDAT", pixels.toByteArray());
        chunk(to, "IEND", new byte[0]);
        return file.toByteArray();
    }

    private static String refused(ImageDeserializer deserializer, byte[] bytes) {
        return assertThrows(InvalidMessageException.class, () -> deserializer.deserialize(bytes)).getMessage();
    }

    /** A file of 875 kB would become 900 MB. */
    @Test
    void aSmallFileOfAVeryLargeImageIsRefused() throws IOException {
        byte[] large = png(30_000, 30_000);
        assertTrue(large.length < 1_000_000, () -> large.length + " bytes");
        assertEquals("the value is an image of 30000 x 30000 pixels, more than max_image_pixels (100000000) allows",
                refused(new ImageDeserializer(), large));
    }

    @ParameterizedTest
    @ValueSource(strings = {"png", "jpeg", "gif", "bmp", "tiff", "wbmp"})
    void theLimitHoldsForEveryFormat(String format) {
        byte[] file = new ImageSerializer<>(format)
                .serialize(new BufferedImage(30, 20, format.equals("wbmp") ? BufferedImage.TYPE_BYTE_BINARY : BufferedImage.TYPE_INT_RGB));
        BufferedImage image = new ImageDeserializer(600).deserialize(file);
        assertEquals(30, image.getWidth());
        assertEquals(20, image.getHeight());
        String why = refused(new ImageDeserializer(599), file);
        assertTrue(why.contains("30 x 20 pixels") && why.contains("max_image_pixels (599)"), why);
    }

    @Test
    void pixelsOfManyBitsCountAsSeveral() {
        ComponentColorModel deep = new ComponentColorModel(ColorSpace.getInstance(ColorSpace.CS_sRGB), true, false,
                ComponentColorModel.TRANSLUCENT, DataBuffer.TYPE_USHORT);
        byte[] file = new ImageSerializer<>().serialize(new BufferedImage(deep, deep.createCompatibleWritableRaster(30, 20),
                false, null));
        assertEquals(30, new ImageDeserializer(1200).deserialize(file).getWidth());
        String why = refused(new ImageDeserializer(1199), file);
        assertTrue(why.contains("30 x 20 pixels of 64 bits"), why);
    }

    /** Returns a TIFF of 30 by 20 pixels, in tiles or in strips, with the given value in these fields. */
    private static byte[] tiff(boolean tiled, int value, Integer... tags) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("tiff").next();
        ImageWriteParam how = writer.getDefaultWriteParam();
        if (tiled) {
            how.setTilingMode(ImageWriteParam.MODE_EXPLICIT);
            how.setTiling(32, 32, 0, 0);
        }
        try (ImageOutputStream stream = ImageIO.createImageOutputStream(out)) {
            writer.setOutput(stream);
            writer.write(null, new IIOImage(new BufferedImage(30, 20, BufferedImage.TYPE_INT_RGB), null, null), how);
        }
        ByteBuffer file = ByteBuffer.wrap(out.toByteArray());
        file.order(file.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int directory = file.getInt(4);
        int found = 0;
        for (int i = 0; i < file.getShort(directory); i++) {
            int field = directory + 2 + 12 * i;
            if (List.of(tags).contains((int) file.getShort(field))) {
                file.putShort(field + 2, (short) 4).putInt(field + 4, 1).putInt(field + 8, value); // one LONG
                found++;
            }
        }
        assertEquals(tags.length, found);
        return file.array();
    }

    /**
     * A tile is decoded as a whole. Of a strip, which may declare any number of rows, only the rows of the image are decoded.
     */
    @Test
    void theTilesOfAnImageCountWhereTheyExceedIt() throws IOException {
        String why = refused(new ImageDeserializer(), tiff(true, 20_000, 322, 323)); // TileWidth, TileLength
        assertTrue(why.contains("20000 x 20000 pixels"), why);
        assertEquals(30, new ImageDeserializer().deserialize(tiff(true, 32, 322, 323)).getWidth());
        assertEquals(30, new ImageDeserializer().deserialize(tiff(false, Integer.MAX_VALUE, 278)).getWidth()); // RowsPerStrip
    }

    /** A TIFF of 10 by 10 pixels has one compressed strip that claims 2 GB, in a file of some hundred bytes. */
    @Test
    void whatAPartClaimsToHaveIsNotTaken() throws IOException {
        int compressionDeflate = 8;
        int[][] fields = {{256, 10}, {257, 10}, {258, 8}, {259, compressionDeflate}, {262, 1}, {273, 200}, {277, 1},
            {278, 10}, {279, Integer.MAX_VALUE - 15}};
        ByteBuffer file = ByteBuffer.allocate(600).order(ByteOrder.LITTLE_ENDIAN);
        file.put((byte) 'I').put((byte) 'I').putShort((short) 42).putInt(8).putShort((short) fields.length);
        for (int[] field : fields) {
            int type = field[1] > Short.MAX_VALUE ? 4 : 3; // LONG, SHORT
            file.putShort((short) field[0]).putShort((short) type).putInt(1).putInt(field[1]);
        }
        refused(new ImageDeserializer(), file.array());
    }

    /** A header of 26 bytes, then one of 40 bytes that claims one pixel; the image inside could have any size. */
    @Test
    void anImageInsideAnotherIsRefused() throws IOException {
        byte[] inner = png(300, 300);
        ByteBuffer file = ByteBuffer.allocate(54 + inner.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put((byte) 'B').put((byte) 'M').putInt(54 + inner.length).putInt(0).putInt(54);
        file.putInt(40).putInt(1).putInt(1).putShort((short) 1).putShort((short) 0).putInt(5).putInt(inner.length);
        file.position(54);
        file.put(inner);
        String why = refused(new ImageDeserializer(), file.array());
        assertTrue(why.contains("holds another image"), why);
    }

    /** The image is valid; only this JVM has too little memory. */
    @Test
    void lackingMemoryIsNoFaultOfTheMessage(@TempDir Path directory) throws IOException {
        Path file = Files.write(directory.resolve("image"), png(9_000, 9_000));
        ChildJvm.Result result = new ChildJvm().option("-Xmx48m").run("large-image", file.toString());
        assertTrue(result.out.startsWith("OutOfMemoryError"), result::toString);
    }

    @Test
    void otherBytesAreNoImage() throws IOException {
        byte[] shortened = Arrays.copyOf(png(30, 20), 40);
        assertTrue(refused(new ImageDeserializer(), shortened).contains("damaged image"));
        assertTrue(refused(new ImageDeserializer(), new byte[0]).contains("not an image"));
        assertThrows(IllegalArgumentException.class, () -> new ImageDeserializer(0));
    }
}
