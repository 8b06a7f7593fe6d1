package jp.ad.sinet.stream.spi;

/**
 * Provides the blocking readers of a messaging system. Asynchronous clients use them too if there is no
 * {@link AsyncMessageReaderProvider} for the messaging system.
 */
public interface MessageReaderProvider extends SinetMessageProvider {
    /**
     * Opens a reader.
     *
     * @param parameters the settings of the configuration and the program
     * @return the reader, which the library closes
     */
    PluginMessageReader getReader(ReaderParameters parameters);
}
