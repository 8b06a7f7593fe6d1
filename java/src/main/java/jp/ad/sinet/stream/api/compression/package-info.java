/** The compressions of values, for programs and plugins that call them by themselves. Clients need none of this. */
package jp.ad.sinet.stream.api.compression;
