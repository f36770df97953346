// A case's script: a coroutine that a Stage drives. A script that awaits another one goes on when that
// one is done; whoever owns the outermost may destroy it at any await, and with it all inner ones.
#pragma once

#include <coroutine>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace hubproof::conformance::cases {

// What a script gives is small and plain (a number, a pointer): it lies in the promise.
template <class T = void>
class Task;
using Script = Task<void>;

namespace script {

struct PromiseBase {
  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) const noexcept {
      return done.promise().then;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() const noexcept { std::abort(); }  // none is thrown below tools

  std::coroutine_handle<> then = std::noop_coroutine();
};

template <class T>
struct Promise : PromiseBase {
  static_assert(std::is_trivially_copyable_v<T>);
  Task<T> get_return_object() noexcept;
  void return_value(T given) noexcept { value = given; }
  T value{};
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
};

}  // namespace script

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = script::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_{handle} {}
  Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  bool done() const { return !handle_ || handle_.done(); }
  Handle handle() const { return handle_; }
  void reset() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  // As something to await: it runs now, and the awaiting script when it is done.
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> then) const noexcept {
    handle_.promise().then = then;
    return handle_;
  }
  T await_resume() const noexcept {
    if constexpr (!std::is_void_v<T>) return handle_.promise().value;
  }

 private:
  Handle handle_ = nullptr;
};

namespace script {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

}  // namespace script
}  // namespace hubproof::conformance::cases
