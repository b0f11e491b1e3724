;; Counts primes below a limit with the sieve of Eratosthenes, then prints the last few.
;;
;;     python3 -m grus run examples/primes.wat 1000000
(module $primes
  (import "env" "print_i32" (func $print (param i32)))
  (memory 1)

  ;; byte n is 1 when n is known to be composite
  (func $sieve (param $limit i32)
    (local $n i32)
    (local $multiple i32)
    (local.set $n (i32.const 2))
    (loop $next
      (if (i32.eqz (i32.load8_u (local.get $n)))
        (then
          (local.set $multiple (i32.mul (local.get $n) (local.get $n)))
          (block $done
            (loop $mark
              (br_if $done (i32.ge_u (local.get $multiple) (local.get $limit)))
              (i32.store8 (local.get $multiple) (i32.const 1))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $n)))
              (br $mark)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next
        (i32.lt_u (i32.mul (local.get $n) (local.get $n)) (local.get $limit)))))

  (func $count (param $limit i32) (result i32)
    (local $n i32)
    (local $count i32)
    (local.set $n (i32.const 2))
    (loop $next
      (local.set $count
        (i32.add (local.get $count) (i32.eqz (i32.load8_u (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (local.get $limit))))
    (local.get $count))

  (func $show_last (param $limit i32) (param $wanted i32)
    (block $done
      (loop $back
        (br_if $done (i32.eqz (local.get $wanted)))
        (local.set $limit (i32.sub (local.get $limit) (i32.const 1)))
        (br_if $done (i32.lt_u (local.get $limit) (i32.const 2)))
        (if (i32.eqz (i32.load8_u (local.get $limit)))
          (then
            (call $print (local.get $limit))
            (local.set $wanted (i32.sub (local.get $wanted) (i32.const 1)))))
        (br $back))))

  (func (export "main") (param $limit i32) (result i32)
    (if (i32.or
          (i32.lt_u (local.get $limit) (i32.const 10))
          (i32.gt_u (local.get $limit) (i32.const 100000000)))
      (then (return (i32.const -1))))
    (if (i32.eq (memory.grow (i32.shr_u (local.get $limit) (i32.const 16))) (i32.const -1))
      (then (return (i32.const -1))))
    (call $sieve (local.get $limit))
    (call $show_last (local.get $limit) (i32.const 3))
    (call $count (local.get $limit))))
