// A coroutine that others wait for: how a case is written as one story although its driver hands in
// bytes, lines and time one by one. It starts when it is awaited. It throws nothing: a story that
// cannot go on is not resumed any more, and its frame goes with the Task that owns it.
#pragma once

#include <coroutine>
#include <cstdlib>
#include <optional>
#include <utility>

namespace hubproof::conformance::devices {

template <class T = void>
class Task;

namespace task {

struct Final {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
    const std::coroutine_handle<> waiting = ended.promise().waiting;
    return waiting ? waiting : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

struct Promise {
  std::coroutine_handle<> waiting;  // who awaits this one; none: the driver

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::abort(); }
};

template <class T>
struct Value : Promise {
  std::optional<T> value;
  Task<T> get_return_object();
  void return_value(T what) { value.emplace(std::move(what)); }
};

struct Nothing : Promise {
  Task<void> get_return_object();
  void return_void() const {}
};

}  // namespace task

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = std::conditional_t<std::is_void_v<T>, task::Nothing, task::Value<T>>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_{handle} {}
  Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      drop();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { drop(); }

  void start() { handle_.resume(); }  // by a driver; a Task that is awaited starts by that
  bool done() const { return !handle_ || handle_.done(); }
  void drop() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) {
    handle_.promise().waiting = who;
    return handle_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().value);
  }

 private:
  Handle handle_;
};

namespace task {

template <class T>
Task<T> Value<T>::get_return_object() {
  return Task<T>{std::coroutine_handle<Value<T>>::from_promise(*this)};
}
inline Task<void> Nothing::get_return_object() {
  return Task<void>{std::coroutine_handle<Nothing>::from_promise(*this)};
}

}  // namespace task

}  // namespace hubproof::conformance::devices
