/* path.h - what is done to a request's path before anybody looks at it (MeshConfig's
 * pathNormalization). Each kind does what the one before does, and more. */
#pragma once

enum path_normalization {
	PATH_NONE,                     /* matched and forwarded as it came */
	PATH_BASE,                     /* RFC 3986 6.2.2, and "\" is "/" */
	PATH_MERGE_SLASHES,            /* "//" is "/" */
	PATH_DECODE_AND_MERGE_SLASHES, /* "%2F" and "%5C" are "/" */
};
