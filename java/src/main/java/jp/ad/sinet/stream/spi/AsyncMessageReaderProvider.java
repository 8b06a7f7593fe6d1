package jp.ad.sinet.stream.spi;

/** Provides the asynchronous readers of a messaging system. */
public interface AsyncMessageReaderProvider extends SinetMessageProvider {
    /**
     * Opens an asynchronous reader.
     *
     * @param parameters the settings of the configuration and the program
     * @return the reader, which the library closes
     */
    PluginAsyncMessageReader getAsyncReader(ReaderParameters parameters);
}
