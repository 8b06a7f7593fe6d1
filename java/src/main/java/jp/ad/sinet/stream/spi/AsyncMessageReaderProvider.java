package jp.ad.sinet.stream.spi;

/** Brings a messaging system's asynchronous readers. */
public interface AsyncMessageReaderProvider extends SinetMessageProvider {
    /**
     * Opens an asynchronous reader.
     *
     * @param parameters what the configuration and the program ask for
     * @return the reader, which the library closes
     */
    PluginAsyncMessageReader getAsyncReader(ReaderParameters parameters);
}
