// Whether AddressSanitizer looks on: gcc says so by a macro, clang by a feature.

#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define TAPSWITCH_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAPSWITCH_ADDRESS_SANITIZER 1
#endif
#endif
