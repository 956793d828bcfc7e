// Whether a sanitizer looks on. It makes everything slower by a multiple, and what it finds it
// finds in the first rounds of what is repeated; what takes many rounds to show, the plain run
// shows.

#pragma once

namespace tapswitch {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif
#else
inline constexpr bool kIsSanitized = false;
#endif

// Returns how many rounds of random input a test has: `plain` is their number without sanitizers.
template <typename Number>
constexpr Number Rounds(Number plain) {
  return kIsSanitized ? plain / 4 : plain;
}

}  // namespace tapswitch
