// Bounds how often a port takes a new client of its listening socket.
//
// To take one, to find that it talks nonsense and to close the connection costs a forwarding thread
// some 60 us, so that clients who come and go by the thousand would take all of its time. Who is
// not taken yet waits in the kernel's queue, whose length is bounded, too.

#pragma once

#include <cstdint>

namespace tapswitch {

class AcceptPace {
 public:
  // Clients that are taken between two calls of Port::Retry, of which there are ten a second.
  static constexpr uint32_t kPerRetry = 64;

  // Whether one may be taken. If not, none may before Refill.
  [[nodiscard]] bool may_accept() const { return taken_ < kPerRetry; }
  // One was taken. Precondition: may_accept().
  void Count() { ++taken_; }

  // To be called by Port::Retry, for as long as wants_refill().
  void Refill() { taken_ = 0; }
  [[nodiscard]] bool wants_refill() const { return taken_ > 0; }

 private:
  uint32_t taken_ = 0;
};

}  // namespace tapswitch
