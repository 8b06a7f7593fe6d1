package jp.ad.sinet.stream.spi;

/**
 * Provides the blocking writers of a messaging system. Asynchronous clients use them too if there is no
 * {@link AsyncMessageWriterProvider} for the messaging system.
 */
public interface MessageWriterProvider extends SinetMessageProvider {
    /**
     * Opens a writer.
     *
     * @param parameters the settings of the configuration and the program
     * @return the writer, which the library closes
     */
    PluginMessageWriter getWriter(WriterParameters parameters);
}
