/**
 * Messages, the readers and writers that transfer them, and the exceptions they throw.
 *
 * <p>A connection that is lost comes back by itself, unless the configuration says otherwise; meanwhile writes and
 * reads wait, within their time limits. A {@link jp.ad.sinet.stream.api.ConnectionListener} is told of it.
 *
 * <p>Clients are made by the factories of {@link jp.ad.sinet.stream.utils}. All exceptions are unchecked and descend
 * from {@link jp.ad.sinet.stream.api.SinetStreamException}.
 */
@NullMarked
package jp.ad.sinet.stream.api;

import org.jspecify.annotations.NullMarked;
