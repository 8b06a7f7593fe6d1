/**
 * Messages, the readers and writers that transfer them, and the exceptions they throw.
 *
 * <p>Clients are made by the factories of {@link jp.ad.sinet.stream.utils}. All exceptions are unchecked and descend
 * from {@link jp.ad.sinet.stream.api.SinetStreamException}.
 */
package jp.ad.sinet.stream.api;
