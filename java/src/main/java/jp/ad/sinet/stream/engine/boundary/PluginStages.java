package jp.ad.sinet.stream.engine.boundary;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Crypto;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Plugins;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.spi.CryptoProvider;
import jp.ad.sinet.stream.utils.Pair;

/**
 * The stages of message processing that plugins perform. The native library calls the methods on the thread that writes or
 * reads. Their exceptions have a message that names the plugin, by which the caller finds the cause; see
 * {@link PluginFailures}.
 */
final class PluginStages {
    private static final int MAX_KEY_VERSION = 0x7FFF;

    private String compressionName;
    private Compressor compressor;
    private Decompressor decompressor;
    private String cryptoName;
    private Function<byte[], Pair<byte[], Integer>> encoder;
    private BiFunction<byte[], Integer, byte[]> decoder;

    private PluginStages() {
    }

    /** Returns the stages that the configuration asks for; null when there are none. */
    static PluginStages of(Description description, boolean writer) {
        Map<String, Object> compression = description.takeParameters("compression_plugin");
        Map<String, Object> crypto = description.takeParameters("crypto_plugin");
        if (compression == null && crypto == null) {
            return null;
        }
        PluginStages stages = new PluginStages();
        if (compression != null) {
            stages.findCompression(compression, writer);
        }
        if (crypto != null) {
            stages.findCrypto(crypto, writer);
        }
        return stages;
    }

    private void findCompression(Map<String, Object> parameters, boolean writer) {
        String name = String.valueOf(parameters.get("algorithm"));
        CompressionProvider provider = Plugins.named(CompressionProvider.class, CompressionProvider::getName, name);
        if (provider == null) {
            throw new InvalidConfigurationException("compression.algorithm: the plugin '" + name + "' is gone");
        }
        compressionName = "compression '" + name + "' (" + provider.getClass().getName() + ")";
        opening(compressionName, () -> {
            Compression compression = present(provider.getCompression(), "getCompression");
            Object level = parameters.get("level");
            if (writer) {
                compressor = present(compression.getCompressor(level instanceof Integer ? (Integer) level : null,
                        parameters), "getCompressor");
            } else {
                decompressor = present(compression.getDecompressor(parameters), "getDecompressor");
            }
        });
    }

    private void findCrypto(Map<String, Object> parameters, boolean writer) {
        for (CryptoProvider provider : Plugins.of(CryptoProvider.class)) {
            cryptoName = "cipher " + provider.getClass().getName();
            opening(cryptoName, () -> {
                if (!provider.isSupported(parameters)) {
                    return;
                }
                Crypto crypto = present(provider.getCrypto(parameters), "getCrypto");
                if (writer) {
                    encoder = present(crypto.getEncoder(parameters), "getEncoder");
                } else {
                    decoder = present(crypto.getDecoder(parameters), "getDecoder");
                }
            });
            if (encoder != null || decoder != null) {
                return;
            }
        }
        throw new InvalidConfigurationException("crypto: algorithm " + parameters.get("algorithm") + " with mode "
                + parameters.get("mode") + " is supported by no plugin; built in is AES with GCM, EAX, CBC, CTR or OFB");
    }

    private static void opening(String plugin, Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | LinkageError e) {
            throw new InvalidConfigurationException("the plugin for the " + plugin + " failed: " + e, e);
        }
    }

    private static <V> V present(V value, String method) {
        if (value == null) {
            throw new IllegalStateException(method + " returned null");
        }
        return value;
    }

    private static byte[] call(String plugin, Function<byte[], byte[]> stage, byte[] bytes) {
        SinetStreamException failure;
        PluginFailures before = PluginFailures.enter();
        try {
            return present(stage.apply(bytes), "it");
        } catch (Throwable e) { // a plugin can throw anything
            failure = new SinetStreamException("the plugin for the " + plugin + " failed: " + text(e), e);
        } finally {
            PluginFailures.leave(before);
            ClientThreads.restoreLoader();
        }
        PluginFailures.add(failure);
        throw failure;
    }

    /**
     * Returns the text of an exception as it comes back from the native library, which does not support unpaired surrogates.
     */
    private static String text(Throwable thrown) {
        String text;
        try {
            text = thrown.toString();
        } catch (Throwable e) { // its getMessage can throw anything, too
            text = thrown.getClass().getName();
        }
        return new String(String.valueOf(text).getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }

    // The native library calls the following methods.

    byte[] compress(byte[] value) {
        return call(compressionName, compressor::compress, value);
    }

    byte[] decompress(byte[] bytes) {
        return call(compressionName, decompressor::decompress, bytes);
    }

    /** Returns the encrypted record, then the version of the key in two bytes, big-endian. */
    byte[] encrypt(byte[] record) {
        return call(cryptoName, bytes -> {
            Pair<byte[], Integer> encrypted = present(encoder.apply(bytes), "the encoder");
            byte[] message = present(encrypted.getV1(), "the encoder");
            int version = present(encrypted.getV2(), "the key's version");
            if (version < 1 || version > MAX_KEY_VERSION) {
                throw new IllegalStateException("the key's version is " + version + ", not from 1 to " + MAX_KEY_VERSION);
            }
            byte[] both = Arrays.copyOf(message, message.length + 2);
            both[message.length] = (byte) (version >> 8);
            both[message.length + 1] = (byte) version;
            return both;
        }, record);
    }

    byte[] decrypt(byte[] message, int version) {
        return call(cryptoName, bytes -> decoder.apply(bytes, version), message);
    }
}
