package jp.ad.sinet.stream.spi;

/**
 * Brings a messaging system's blocking readers. They serve asynchronous clients, too, where there is no provider for
 * those.
 */
public interface MessageReaderProvider extends SinetMessageProvider {
    /**
     * Opens a reader.
     *
     * @param parameters what the configuration and the program ask for
     * @return the reader, which the library closes
     */
    PluginMessageReader getReader(ReaderParameters parameters);
}
