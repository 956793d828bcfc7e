// Things on their way to one thread from any others, without locks.
//
// Why not a mutex: the thread that runs commands of clients yields to those that forward (it is
// nice), so on a busy machine it may be off its processor for many milliseconds while it holds one,
// and a forwarding thread would wait that long. Priority inheritance does not help, as Linux knows
// it for real-time priorities only.
//
// How: a stack of nodes. Whoever puts one in exchanges the head; the reader takes all of them at
// once, so no node is ever seen twice, and turns them round.

#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace tapswitch {

template <typename T>
class Mailbox {
 public:
  Mailbox() = default;
  ~Mailbox() { static_cast<void>(TakeAll()); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // From any thread. Of one thread's things the order is kept.
  void Put(T value) {
    auto node = std::make_unique<Node>(std::move(value));
    node->next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(node->next, node.get(), std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    static_cast<void>(node.release());  // the mailbox has it
  }

  // From one thread at a time: what was put in since the last call, oldest first.
  [[nodiscard]] std::vector<T> TakeAll() {
    std::unique_ptr<Node> last(head_.exchange(nullptr, std::memory_order_acquire));
    std::unique_ptr<Node> first;
    size_t count = 0;
    for (; last; ++count) {
      std::unique_ptr<Node> before(last->next);
      last->next = first.release();
      first = std::exchange(last, std::move(before));
    }
    std::vector<T> taken;
    taken.reserve(count);
    while (first) {
      taken.push_back(std::move(first->value));
      first.reset(std::exchange(first->next, nullptr));
    }
    return taken;
  }

 private:
  struct Node {
    explicit Node(T one) : value(std::move(one)) {}
    T value;
    Node* next = nullptr;  // owned by whoever owns this
  };

  std::atomic<Node*> head_ = nullptr;
};

}  // namespace tapswitch
