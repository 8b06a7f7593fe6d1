package jp.ad.sinet.stream.testing;

import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Crypto;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.spi.CryptoProvider;
import jp.ad.sinet.stream.utils.Pair;

/** A compression and a cipher that hand every value to one method, which may fail. */
public abstract class PassingPlugin implements CompressionProvider, Compression, CryptoProvider, Crypto {
    private final String name;

    protected PassingPlugin(String name) {
        this.name = name;
    }

    /** Returns what is made of a value, whichever stage and direction it is. */
    protected abstract byte[] passed(byte[] data);

    @Override
    public String getName() {
        return name;
    }

    @Override
    public Compression getCompression() {
        return this;
    }

    @Override
    public Compressor getCompressor(Integer level, Map<String, Object> parameters) {
        return this::passed;
    }

    @Override
    public Decompressor getDecompressor(Map<String, Object> parameters) {
        return this::passed;
    }

    @Override
    public boolean isSupported(Map<String, ?> parameters) {
        return name.equals(parameters.get("algorithm"));
    }

    @Override
    public Crypto getCrypto(Map<String, ?> parameters) {
        return this;
    }

    @Override
    public Function<byte[], Pair<byte[], Integer>> getEncoder(Map<String, ?> parameters) {
        return record -> Pair.of(passed(record), 1);
    }

    @Override
    public BiFunction<byte[], Integer, byte[]> getDecoder(Map<String, ?> parameters) {
        return (message, version) -> passed(message);
    }
}
