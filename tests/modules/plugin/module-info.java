module plugin {
    requires jp.ad.sinet.stream;

    provides jp.ad.sinet.stream.spi.CompressionProvider with plugin.Reversed;
}
