/**
 * SINETStream's MQTT client with a native engine.
 *
 * <p>Modules that only some programs need are optional, and such a program requires them in its own {@code module-info}:
 * {@code org.jdeferred2.core} for asynchronous writers, {@code java.desktop} for images, {@code java.management} for JMX. A
 * program that needs none of them can be linked by jlink into a small image.
 *
 * @uses jp.ad.sinet.stream.spi.MessageWriterProvider
 * @uses jp.ad.sinet.stream.spi.MessageReaderProvider
 * @uses jp.ad.sinet.stream.spi.AsyncMessageWriterProvider
 * @uses jp.ad.sinet.stream.spi.AsyncMessageReaderProvider
 * @uses jp.ad.sinet.stream.spi.ValueTypeProvider
 * @uses jp.ad.sinet.stream.spi.CompressionProvider
 * @uses jp.ad.sinet.stream.spi.CryptoProvider
 */
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"}) // JDeferred has no module-info of its own
module jp.ad.sinet.stream {
    requires java.logging;
    requires static java.management;
    requires static transitive java.desktop; // transitive, since every JDK has it
    // Not transitive, although their types are in signatures: otherwise every program would need them for its compilation.
    requires static org.jdeferred2.core;
    requires static org.jspecify;

    exports jp.ad.sinet.stream.api;
    exports jp.ad.sinet.stream.api.compression;
    exports jp.ad.sinet.stream.api.valuetype;
    exports jp.ad.sinet.stream.spi;
    exports jp.ad.sinet.stream.utils;

    uses jp.ad.sinet.stream.spi.MessageWriterProvider;
    uses jp.ad.sinet.stream.spi.MessageReaderProvider;
    uses jp.ad.sinet.stream.spi.AsyncMessageWriterProvider;
    uses jp.ad.sinet.stream.spi.AsyncMessageReaderProvider;
    uses jp.ad.sinet.stream.spi.ValueTypeProvider;
    uses jp.ad.sinet.stream.spi.CompressionProvider;
    uses jp.ad.sinet.stream.spi.CryptoProvider;

    // The same as in META-INF/services, for programs on the module path.
    provides jp.ad.sinet.stream.spi.MessageWriterProvider with jp.ad.sinet.stream.engine.plugin.IoStreamProvider;
    provides jp.ad.sinet.stream.spi.MessageReaderProvider with jp.ad.sinet.stream.engine.plugin.IoStreamProvider;
    provides jp.ad.sinet.stream.spi.ValueTypeProvider with jp.ad.sinet.stream.api.valuetype.ImageValueTypeProvider;
}
