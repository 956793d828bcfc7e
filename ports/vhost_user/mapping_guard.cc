#include "ports/vhost_user/mapping_guard.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "ports/os/mutex.h"

namespace tapswitch {
namespace {

// `end` is 0 while the place is free. It is written last, and cleared first.
struct Place {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> is_broken{false};
};

// A signal handler can only reach what is static.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::array<Place, MappingGuard::kCapacity> table;
std::atomic<size_t> places_used{0};  // those from here on have never been used
Mutex table_mutex;
struct sigaction previous;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

Place* FindPlace(uintptr_t address) {
  for (size_t i = 0; i < places_used.load(std::memory_order_acquire); ++i) {
    const uintptr_t end = table[i].end.load(std::memory_order_acquire);
    if (address < end && address >= table[i].begin.load(std::memory_order_relaxed)) {
      return &table[i];
    }
  }
  return nullptr;
}

// Returns whether the instruction can be tried again.
bool Replace(Place& place) {
  const uintptr_t begin = place.begin.load(std::memory_order_relaxed);
  const uintptr_t end = place.end.load(std::memory_order_relaxed);
  place.is_broken.store(true, std::memory_order_release);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an atomic pointer could not be compared with bounds
  return mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  Place* const place = FindPlace(reinterpret_cast<uintptr_t>(info->si_addr));
  if (place != nullptr && Replace(*place)) {
    errno = error;
    return;
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  // The instruction is carried out again, and then ends the process.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
}

bool InstallHandler() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous) == 0;
}

}  // namespace

std::optional<MappingGuard> MappingGuard::Guard(std::span<std::byte> mapping) {
  static const bool installed = InstallHandler();
  if (!installed) return std::nullopt;
  const MutexLock lock(table_mutex);
  for (size_t i = 0; i < kCapacity; ++i) {
    Place& place = table[i];
    if (place.end.load(std::memory_order_relaxed) != 0) continue;
    const auto begin = reinterpret_cast<uintptr_t>(mapping.data());
    place.is_broken.store(false, std::memory_order_relaxed);
    place.begin.store(begin, std::memory_order_relaxed);
    place.end.store(begin + mapping.size(), std::memory_order_release);
    if (i >= places_used.load(std::memory_order_relaxed)) {
      places_used.store(i + 1, std::memory_order_release);
    }
    return MappingGuard(i);
  }
  return std::nullopt;
}

MappingGuard::~MappingGuard() {
  if (slot_ == kCapacity) return;
  const MutexLock lock(table_mutex);
  table[slot_].end.store(0, std::memory_order_release);
}

bool MappingGuard::is_broken() const {
  return table[slot_].is_broken.load(std::memory_order_acquire);
}

}  // namespace tapswitch
