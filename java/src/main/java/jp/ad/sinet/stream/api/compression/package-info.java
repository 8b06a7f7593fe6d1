/** The compressions of values, for programs and plugins that call them by themselves. Clients need none of this. */
@NullMarked
package jp.ad.sinet.stream.api.compression;

import org.jspecify.annotations.NullMarked;
