// A queue that is filled at once and emptied bit by bit.

#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace tapswitch {

template <typename Element>
class WaitingLine {
 public:
  // Reserves memory, so that this many elements need no allocation.
  explicit WaitingLine(size_t room) { elements_.reserve(room); }

  [[nodiscard]] bool empty() const { return first_ == elements_.size(); }
  [[nodiscard]] size_t size() const { return elements_.size() - first_; }
  // Precondition: not empty.
  [[nodiscard]] const Element& front() const { return elements_[first_]; }

  void Push(const Element& element) { elements_.push_back(element); }

  // Precondition: not empty. Places at the front are used again once they are half of all.
  void Pop() {
    ++first_;
    if (2 * first_ < elements_.size()) return;
    elements_.erase(elements_.begin(), elements_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }

  void Erase(const Element& element) {
    elements_.erase(
        std::remove(elements_.begin() + static_cast<ptrdiff_t>(first_), elements_.end(), element),
        elements_.end());
  }

 private:
  std::vector<Element> elements_;
  size_t first_ = 0;
};

}  // namespace tapswitch
