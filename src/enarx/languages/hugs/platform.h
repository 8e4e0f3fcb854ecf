/* Names of the platform, as configure would have found them. */
#pragma once
#define HOST_ARCH "wasm32"
#define HOST_OS "wasi"
