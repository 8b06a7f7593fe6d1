package jp.ad.sinet.stream.spi;

/** Provides the asynchronous writers of a messaging system. */
public interface AsyncMessageWriterProvider extends SinetMessageProvider {
    /**
     * Opens an asynchronous writer.
     *
     * @param parameters the settings of the configuration and the program
     * @return the writer, which the library closes
     */
    PluginAsyncMessageWriter getAsyncWriter(WriterParameters parameters);
}
