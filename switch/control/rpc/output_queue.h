// A queue of unsent lines for one client.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace tapswitch {

class OutputQueue {
 public:
  void Append(std::string line);

  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  // The next bytes to send, as many as lie in one piece; empty only if the queue is.
  [[nodiscard]] std::string_view Front() const;
  // Removes `bytes` from the front, as they have been sent.
  void Consume(size_t bytes);
  void Clear();

  // Positions in the stream of all bytes that were ever appended.
  [[nodiscard]] uint64_t appended() const { return appended_; }
  [[nodiscard]] uint64_t sent() const { return sent_; }
  [[nodiscard]] size_t unsent() const { return static_cast<size_t>(appended_ - sent_); }

  // The memory of the queue. It is more than unsent(): a line of which only the last byte is unsent
  // is kept as a whole.
  [[nodiscard]] size_t held() const { return held_; }

 private:
  void PopFront();

  std::deque<std::string> chunks_;  // none is empty
  size_t offset_ = 0;               // bytes of the first chunk that are sent
  size_t held_ = 0;
  uint64_t appended_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace tapswitch
